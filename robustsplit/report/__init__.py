"""What a run found, for its readers: tables, sentences, figures, files and the report."""

from robustsplit.report.html import Picture, render_report, text_table

__all__ = ["Picture", "render_report", "text_table"]
