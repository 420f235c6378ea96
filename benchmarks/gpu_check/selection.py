"""Which tests tell most about a device, in order."""

SLEEP = "tests/operators/test_device_deferred.py::test_rows_sleep_and_wake_as_those_of_arrays"
# Every operator, optimizer and kind of loop once, and what the interpreter has not: graphs, streams, waiting.
FIRST = (
    "tests/operators/test_catalogue_on_device.py",
    "tests/system/test_docs.py::test_the_examples_on_a_device_print_what_the_page_says",
    "tests/torch/test_device_dense_updates.py",
    "tests/torch/test_device_tables.py",
    "tests/torch/test_fused_lookup_on_device.py",
    "tests/torch/test_optimizer_on_device.py::test_a_graph_trains",
    "tests/operators/test_device_deferred.py::test_a_graph_repeats_lookups_steps_and_flushes",
    "tests/operators/test_device_deferred.py::test_scalars_on_the_device_are_those_of_the_host",
    "tests/runtime/test_gpu_plain_step.py",
    "tests/runtime/test_gpu.py::test_steps_are_captured_in_a_graph",
    "tests/runtime/test_gpu.py::test_steps_on_two_streams",
    "tests/runtime/test_gpu.py::test_steps_do_not_wait_for_the_device",
    "tests/runtime/test_gpu.py::test_without_the_check_indices_of_no_row_are_left_out",
    "tests/runtime/test_gpu.py::test_what_is_refused_changes_nothing",
    "tests/runtime/test_gpu.py::test_several_rows_with_many_gradients",
    "tests/runtime/test_gpu.py::test_any_width_and_many_duplicates",
    "tests/operators/test_device_sparse_gradient.py::test_bags_are_their_expanded_gradient",
    "tests/operators/test_device_sparse_gradient.py::test_replays_of_a_graph_see_new_bags",
    "tests/operators/test_device_sparse_gradient.py::test_without_the_check_nothing_outside_is_read_or_written",
    f"{SLEEP}[adam-0.01-0.9-0.999-1e-08-float32-series]",
    f"{SLEEP}[momentum-0.1-0.9-float32-replay]",
    "tests/torch/test_optimizer_on_device.py",
    SLEEP,
)
# Then all that is marked, a file after another.
FILES = (
    "tests/runtime/test_gpu.py",
    "tests/runtime/test_gpu_plain_step.py",
    "tests/loops/test_gpu.py",
    "tests/runtime/test_gpu_whole_tensor.py",
    "tests/runtime/test_gpu_device_history.py",
    "tests/operators/test_device_deferred.py",
    "tests/operators/test_device_sparse_gradient.py",
    "tests/torch/test_optimizer_on_device.py",
    "tests/torch/test_device_dense_updates.py",
    "tests/torch/test_device_tables.py",
    "tests/torch/test_fused_lookup_on_device.py",
    "tests/operators/test_catalogue_on_device.py",
    "tests/codegen/test_gpu_weave.py",
    "tests/codegen/test_gpu_words.py",
    "tests/codegen/test_gpu_symbol.py",
    "tests/codegen/test_statements.py",
    "tests/system/test_docs.py",
)
MARKED = "gpu and not long"


def place(test: str) -> int:
    """Where a test stands in the order; those that are not named come last.

    >>> place("tests/operators/test_catalogue_on_device.py::test_operator[Adam]")
    0
    >>> place("tests/codegen/test_gpu_weave.py::test_names")
    35
    """
    order = (*FIRST, *FILES)
    return next((k for k, start in enumerate(order) if (test + "::").startswith(start)), len(order))
