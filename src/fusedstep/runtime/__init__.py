"""The launch of checked calls: parts and threads, kernels and streams, locks."""
