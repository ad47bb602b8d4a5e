"""What estimators are built of: workers, neighbours, cells, and linear algebra of two sides."""
