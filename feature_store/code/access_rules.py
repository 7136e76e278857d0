"""What a session's function may ask for besides its inputs, and what it must do instead.

Of Python's own library only modules that calculate are open. Libraries are open but for what reads, writes, connects or
draws by chance; of the project, the definitions that calculate. Pure: decides by names alone.
"""

import re
import sys
from types import ModuleType

INPUT = "declare it as an input of the asset, or serve it as a source"
DATA_FILE = "a file of constants lies in the package and is read by importlib.resources, so that its bytes count"
CLOCK = "take the parameter `session`, or `decided_at`"
SETTING = "make it a setting; functions take settings by their type"
SEED = "take the parameter `seed` and make a generator of it: np.random.default_rng(seed)"
STATE = "give it back as a row, or take what was stored as an input: a call must not know of another"
NAME = "name it, so that the text says what is reached"
KEY = "cache a function of the module whose parameters are plain values (str, int, date), or do not cache"
THREADS = "let the run's workers share out the work: the order of threads is chance"

# Modules of the standard library that calculate.
CALCULATING = frozenset({
    "abc", "array", "base64", "binascii", "bisect", "calendar", "cmath", "collections", "contextlib", "copy", "csv",
    "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "itertools",
    "json", "keyword", "math", "numbers", "operator", "re", "statistics", "string", "struct", "textwrap", "types",
    "typing", "unicodedata", "warnings", "zlib", "zoneinfo", "builtins", "__future__", "difflib", "sre", "codecs",
})  # fmt: skip
# Single names of other modules.
ALSO = {
    "io.BytesIO", "io.StringIO", "random.Random", "time.perf_counter", "time.perf_counter_ns", "uuid.UUID",
    "uuid.uuid5", "pkgutil.get_data", "logging.getLogger",
}  # fmt: skip
ADVICE_OF_MODULE = {
    "time": CLOCK, "os": SETTING, "random": SEED, "secrets": SEED, "uuid": SEED, "threading": THREADS,
    "concurrent": THREADS, "multiprocessing": THREADS, "asyncio": THREADS, "_thread": THREADS, "queue": THREADS,
    "platform": SETTING, "locale": SETTING, "getpass": SETTING, "argparse": SETTING, "importlib": NAME,
    "inspect": "take what is needed as a parameter", "sys": "take what is needed as a parameter",
    "gc": "take what is needed as a parameter",
}  # fmt: skip
BUILTINS = {
    "open": f"{INPUT}; {DATA_FILE}", "input": SETTING, "exec": NAME, "eval": NAME, "compile": NAME, "globals": NAME,
    "breakpoint": "take it out", "__import__": NAME, "__builtins__": NAME, "__loader__": NAME, "__spec__": NAME,
    "setattr": STATE, "delattr": STATE, "id": "compare by content: an address is chance",
    "hash": "take hashlib: the hash of a text differs from process to process",
}  # fmt: skip
OPENING_TYPES = {"types.FunctionType", "types.CodeType", "types.ModuleType", "codecs.open", "hashlib.file_digest"}
CLOCKS = ("now", "today", "utcnow")
# Libraries whose purpose is to reach outside, or to bring back what was kept.
REACHING = frozenset({
    "asof", "aiohttp", "adbc_driver_manager", "boto3", "botocore", "cffi", "cloudpickle", "connectorx", "dagster",
    "deltalake", "dill", "diskcache", "duckdb", "fsspec", "gcsfs", "h5py", "httpcore", "httpx", "ibis", "joblib",
    "netCDF4", "openpyxl", "psutil", "psycopg", "psycopg2", "pymongo", "redis", "requests", "s3fs", "sqlalchemy",
    "tables", "urllib3", "websocket", "websockets", "xlrd", "yfinance", "zarr",
})  # fmt: skip
READERS = re.compile(
    r"_?(read|scan|write|sink|load|save|open|fetch|download|urlopen|connect)(_\w+|txt|z)?"
    r"|from(file|txt)|genfromtxt|loadtxt|savetxt|memmap|tofile|DataSource|memory_map|OSFile|input_stream|output_stream"
    r"|to_(parquet|csv|pickle|feather|hdf|sql|excel|stata|orc|clipboard|gbq|json)|HDFStore|ExcelFile|deserialize"
    r"|SQLContext|sql|Catalog|Config|StringCache|enable_string_cache|set_random_seed|register_\w+|seterr(call|obj)?"
)
MODULES_OF_FILES = ("scipy.io", "scipy.datasets", "pandas.io", "numpy.lib.npyio", "numpy.lib.format", "numpy.f2py",
                    "numpy.ctypeslib", "numpy.distutils", "pyarrow.parquet", "pyarrow.dataset", "pyarrow.csv",
                    "pyarrow.feather", "pyarrow.fs", "pyarrow.flight", "pyarrow.json", "pyarrow.orc", "pyarrow.ipc",
                    "polars.plugins", "polars.io", "sklearn.datasets", "statsmodels.datasets")  # fmt: skip
GENERATORS = frozenset({
    "numpy.random.default_rng", "numpy.random.Generator", "numpy.random.SeedSequence", "numpy.random.RandomState",
    "numpy.random.PCG64", "numpy.random.PCG64DXSM", "numpy.random.Philox", "numpy.random.MT19937", "numpy.random.SFC64",
    "random.Random",
})  # fmt: skip
# Of the project: what calculates, and what says what is calculated.
OURS_THAT_REACH = re.compile(
    r"quant_resources|quant_assets\.(engine|cli|reporting|operations|definitions|automation|graph|books)"
    r"|feature_store\.(?!schemas|dataset|hashing|sessions|decision_time|errors|versioning)"
    r"|configs\.(?!settings|errors|kinds)"
)
# Attributes of an object that the text does not tell.
METHODS = re.compile(
    r"(read|scan|write|sink)_(text|bytes|csv\w*|parquet\w*|n?d?json|ipc\w*|excel|ods|database\w*|delta|avro|lines|clipboard|"
    r"table|iceberg|pickle|feather|hdf|sql\w*|html|xml|fwf|orc|stata|sas|spss|pyarrow_dataset|batches)"
    r"|tofile|memmap|urlopen|getenv|environ|iterdir|rglob|unlink|mkdir|rmdir|touch|symlink_to|hardlink_to|save_model"
    r"|deserialize|to_(parquet|csv|pickle|feather|hdf|sql|excel)|sql|executescript|expanduser"
)
CALLED = re.compile(r"(read|scan|write|sink)_\w+|open|today|utcnow|glob|rvs")
INNARDS = re.compile(
    r"__(dict|globals|builtins|code|closure|subclasses|getattribute|loader|spec|self|defaults|kwdefaults|import|wrapped)__"
    r"|[fg]_?i?_(back|locals|globals|builtins|frame|code)|tb_(frame|next)|cr_frame|ag_frame|py_func"
)


PRIVATE_REACHING = frozenset({
    "_io", "_socket", "_ssl", "_thread", "_ctypes", "_posixsubprocess", "_pickle", "_sqlite3", "_imp", "_random",
    "_multiprocessing", "_posixshmem", "_asyncio", "_queue", "_interpreters", "_xxsubinterpreters", "_frozen_importlib",
    "_frozen_importlib_external", "_bootstrap_python", "_dbm", "_gdbm", "_uuid", "_locale",
})  # fmt: skip


def rejected_name(path: str) -> str | None:
    """The advice where a function may not use what a library, or Python, calls so; None where it may."""
    top, _, rest = path.partition(".")
    if path in ALSO or path.startswith(("importlib.resources", "logging.Logger")):
        return None
    if path in OPENING_TYPES:
        return NAME if top == "types" else f"{INPUT}; {DATA_FILE}"
    if top == "builtins":
        return BUILTINS.get(rest.partition(".")[0])
    return _rejected_of_python(path, top) if top in sys.stdlib_module_names else _rejected_of_library(path, top)


def _rejected_of_python(path: str, top: str) -> str | None:
    if top == "datetime" and path.rpartition(".")[2] in CLOCKS:
        return CLOCK
    calculates = top in CALCULATING or (top.startswith("_") and top not in PRIVATE_REACHING)
    return None if calculates else ADVICE_OF_MODULE.get(top, INPUT)


def _rejected_of_library(path: str, top: str) -> str | None:
    last = path.rpartition(".")[2]
    if top in REACHING or f"{path}.".startswith(tuple(f"{module}." for module in MODULES_OF_FILES)):
        return f"{INPUT}; {DATA_FILE}"
    if path.startswith("numpy.random.") and path not in GENERATORS:
        return SEED
    if top == "pandas" and last in CLOCKS:
        return CLOCK
    return f"{INPUT}; {DATA_FILE}" if READERS.fullmatch(last) else None


def resolved(path: str) -> object | None:
    """What a dotted path holds in this process, without importing anything; None where nothing is known of it."""
    value: object = sys.modules.get(path.partition(".")[0])
    for name in path.split(".")[1:]:
        value = vars(value).get(name) if isinstance(value, ModuleType) else getattr(value, name, None)
        if value is None:
            return None
    return value


def modules_on(path: str) -> list[str]:
    """Modules that a dotted path goes through, by their own names: `json.codecs` is `codecs`."""
    parts = path.split(".")
    found = [resolved(".".join(parts[: i + 1])) for i in range(1, len(parts))]
    return [value.__name__ for value in found if isinstance(value, ModuleType)]


def own_path(path: str) -> str:
    """What something is called where it is defined; empty where that is not known."""
    value = resolved(path)
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    return f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else ""
