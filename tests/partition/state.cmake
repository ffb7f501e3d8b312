# The stateful half, on an engine.
file(GLOB partition_state_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/state_*.cc)
fastpath_test(partition_state ${partition_state_tests} ${CMAKE_SOURCE_DIR}/tests/support/sim_executor.cc
              LIBS fastpath_partition)
