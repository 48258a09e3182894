# Programs on the library that are no tests: the demo and the benchmarks.
if(TARGET axsync)
  add_executable(bench_refresh bench_refresh.c)
  target_link_libraries(bench_refresh PRIVATE slapdtest)
  target_compile_definitions(bench_refresh PRIVATE AXSYNC_BINARY="$<TARGET_FILE:axsync>")
  add_dependencies(bench_refresh axsync)
  set_target_properties(bench_refresh PROPERTIES EXCLUDE_FROM_ALL TRUE)
endif()
