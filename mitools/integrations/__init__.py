"""Mutual information inside other libraries; each is imported only by its own file."""
