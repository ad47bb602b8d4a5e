"""Threads of kernels, and workers beside each other; neither changes a bit."""
