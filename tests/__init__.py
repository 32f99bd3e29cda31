"""Tests: the tree mirrors the code; end-to-end, browser, fault and bench suites have folders of their own."""
