"""What a user sees: lessons, views and the report in a real browser, driven by keyboard and mouse."""
