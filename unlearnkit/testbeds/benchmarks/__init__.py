"""TOFU, MUSE and WMDP: their files as testbeds."""
