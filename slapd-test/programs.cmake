# Programs on the library that are no tests: the demo and the benchmarks.
if(TARGET axsync)
  add_executable(bench_refresh bench_refresh.c)
  target_link_libraries(bench_refresh PRIVATE slapdtest)
  target_compile_definitions(bench_refresh PRIVATE AXSYNC_BINARY="$<TARGET_FILE:axsync>")
  add_dependencies(bench_refresh axsync)
  set_target_properties(bench_refresh PROPERTIES EXCLUDE_FROM_ALL TRUE)

  add_executable(bench_poll bench_poll.c)
  target_link_libraries(bench_poll PRIVATE slapdtest)
  target_compile_definitions(bench_poll PRIVATE AXSYNC_BINARY="$<TARGET_FILE:axsync>")
  add_dependencies(bench_poll axsync)
  set_target_properties(bench_poll PROPERTIES EXCLUDE_FROM_ALL TRUE)

  # ../demo runs it. Built with all, so that it goes on compiling.
  add_executable(demo demo.c demo_journal.c demo_people.c demo_run.c demo_show.c)
  target_link_libraries(demo PRIVATE slapdtest emulator_client PkgConfig::JANSSON)
  target_compile_definitions(demo PRIVATE
    AXSYNC_BINARY="$<TARGET_FILE:axsync>"
    AXSYNC_SCHEMA="${PROJECT_SOURCE_DIR}/schema/axsync.ldif")
  add_dependencies(demo axsync)

  add_executable(bench_axigen bench_axigen.c)
  target_link_libraries(bench_axigen PRIVATE slapdtest emulator_client PkgConfig::JANSSON)
  target_compile_definitions(bench_axigen PRIVATE AXSYNC_BINARY="$<TARGET_FILE:axsync>")
  add_dependencies(bench_axigen axsync)
  set_target_properties(bench_axigen PROPERTIES EXCLUDE_FROM_ALL TRUE)

  add_executable(bench_latency bench_latency.c demo_journal.c demo_run.c)
  target_link_libraries(bench_latency PRIVATE slapdtest emulator_client PkgConfig::JANSSON PkgConfig::LMDB Threads::Threads)
  target_compile_definitions(bench_latency PRIVATE AXSYNC_BINARY="$<TARGET_FILE:axsync>")
  add_dependencies(bench_latency axsync)
  set_target_properties(bench_latency PROPERTIES EXCLUDE_FROM_ALL TRUE)
endif()
