"""The atlas as files: harmless examples, free to pass on, of the formats that TOFU, MUSE and WMDP have."""

from unlearnkit.testbeds.export.export import FORMATS, Export, export_testbed

__all__ = ["FORMATS", "Export", "export_testbed"]
