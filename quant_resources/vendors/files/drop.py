"""The files of a drop, as they lie in its folder."""

from configs.settings import FilesVendor, Table
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest import tables

Sizes = dict[str, tuple[int, int]]  # by file: bytes, and when it was last written (ns)


def files_of(vendor: FilesVendor) -> Sizes:
    """Size and time of writing of every file that the profile's tables name and that is there."""
    if vendor.folder is None:
        return {}
    every = [table for field in type(vendor).model_fields for table in tables_of(vendor, field)]
    try:
        paths = {path for table in every if (path := tables.locate(vendor.folder, table))}
    except VendorError:
        return {}
    stats = {str(path.relative_to(vendor.folder)): path.stat() for path in sorted(paths)}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def tables_of(vendor: FilesVendor, field: str) -> list[Table]:
    """The tables of one of the vendor's settings; none where it holds something else."""
    setting = getattr(vendor, field)
    return [table for table in setting if isinstance(table, Table)] if isinstance(setting, list) else []
