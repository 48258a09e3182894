# The integration tests: the whole program on a real slapd.

add_library(axsync_run STATIC axsync_run.c axsync_await.c axsync_target.c axsync_directory.c
  axsync_relay.c axsync_tls.c axsync_peer.c axsync_life.c)
target_compile_definitions(axsync_run PRIVATE
  AXSYNC_BINARY="$<TARGET_FILE:axsync>"
  AXSYNC_OUTPUTS="${CMAKE_CURRENT_BINARY_DIR}/outputs")
target_include_directories(axsync_run PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(axsync_run PUBLIC slapdtest PkgConfig::JANSSON PkgConfig::CRITERION PRIVATE PkgConfig::LBER PkgConfig::OPENSSL Threads::Threads)
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/outputs)

set(integration lifecycle groups verify restart guard behind failover badinput kill subtree entry attributes poll rebind)
if(NOT AXSYNC_STEPS)
  list(REMOVE_ITEM integration restart)   # it needs the kill points
endif()
foreach(name IN LISTS integration)
  add_executable(it_${name} it_${name}.c)
  target_link_libraries(it_${name} PRIVATE axsync_run)
  add_dependencies(it_${name} axsync)
  add_test(NAME slapd.${name} COMMAND it_${name})
  set_tests_properties(slapd.${name} PROPERTIES TIMEOUT 800 LABELS slapd)
  list(APPEND integration_tests slapd.${name})
endforeach()
# The whole program against a scripted server.
add_executable(it_peer it_peer.c)
target_link_libraries(it_peer PRIVATE axsync_run)
add_dependencies(it_peer axsync)
# What it answers while something in or around it hangs.
add_library(hang_lookup MODULE hang_lookup.c)
target_compile_options(hang_lookup PRIVATE -fno-sanitize=all)
add_executable(it_status it_status.c)
target_link_libraries(it_status PRIVATE axsync_run)
target_compile_definitions(it_status PRIVATE HANG_LOOKUP="$<TARGET_FILE:hang_lookup>")
add_dependencies(it_status axsync hang_lookup)
add_test(NAME peer.status COMMAND it_status)
set_tests_properties(peer.status PROPERTIES TIMEOUT 600)
list(APPEND integration_tests peer.status)
foreach(suite phases results trouble liveness)
  add_test(NAME peer.${suite} COMMAND it_peer --filter ${suite}/*)
  set_tests_properties(peer.${suite} PROPERTIES TIMEOUT 600 FAIL_REGULAR_EXPRESSION "Tested: 0 ")
  list(APPEND integration_tests peer.${suite})
endforeach()
target_compile_definitions(it_attributes PRIVATE AXSYNC_SCHEMA="${PROJECT_SOURCE_DIR}/schema/axsync.ldif")
if(AXSYNC_STEPS)
  target_include_directories(it_restart PRIVATE ${PROJECT_SOURCE_DIR}/consumer/base)   # step.def
endif()

# The whole program on a 389 Directory Server, which ./test does not install: skipped where it is not there.
add_executable(it_389 it_389.c dstest.c dstest_data.c)
target_link_libraries(it_389 PRIVATE axsync_run)
add_dependencies(it_389 axsync)
foreach(suite life lost search modes random)
  add_test(NAME ds389.${suite} COMMAND it_389 --filter ${suite}/*)
  set_tests_properties(ds389.${suite} PROPERTIES TIMEOUT 600 LABELS 389 FAIL_REGULAR_EXPRESSION "Tested: 0 "
    SKIP_REGULAR_EXPRESSION "SKIPPED: 389-ds-base is not installed")
  list(APPEND integration_tests ds389.${suite})
endforeach()

# The whole program between a real slapd and the emulator of Axigen's CLI.
set(axigen_tests axigen axigen_kill verify_target)
if(NOT AXSYNC_STEPS)
  list(REMOVE_ITEM axigen_tests axigen_kill)   # it needs the kill points
endif()
foreach(name IN LISTS axigen_tests)
  add_executable(it_${name} it_${name}.c axsync_axigen.c)
  target_link_libraries(it_${name} PRIVATE axsync_run emulator_client)
  add_dependencies(it_${name} axsync axigen-emulator)
  add_test(NAME slapd.${name} COMMAND it_${name})
  set_tests_properties(slapd.${name} PROPERTIES TIMEOUT 800 LABELS slapd)
  list(APPEND integration_tests slapd.${name})
endforeach()
if(AXSYNC_STEPS)
  target_include_directories(it_axigen_kill PRIVATE ${PROJECT_SOURCE_DIR}/consumer/base)   # step.def
endif()

# Every line that the program wrote in those tests, against the schema that it promises. Skipped when none ran.
add_test(NAME slapd.schema COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/check_schema.py
  ${PROJECT_SOURCE_DIR}/docs/actions.schema.json ${CMAKE_CURRENT_BINARY_DIR}/outputs)
set_tests_properties(slapd.schema PROPERTIES TIMEOUT 300 LABELS slapd SKIP_RETURN_CODE 77
  DEPENDS "${integration_tests}")
