"""The allow-list: which names a student's code may use, and which doors stay shut.

What stands in none of these lists is refused. A card opens names (``opened``) or closes more of
them (``closed``).
"""

from __future__ import annotations

import builtins

_ARRAYS = """
abs acos acosh add addmm all allclose any arange arccos arccosh arcsin arcsinh arctan arctan2
arctanh argmax argmin argpartition argsort array array_equal as_strided asarray asin asinh astype
atan atan2 atanh atleast_1d atleast_2d atleast_3d bartlett bitwise_and bitwise_invert
bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor blackman block_masked_mm
broadcast_arrays broadcast_shapes broadcast_to can_cast ceil clip concat concatenate conj
conjugate contiguous conv1d conv2d conv3d conv_general conv_transpose1d conv_transpose2d
conv_transpose3d convolve cos cosh count_nonzero cummax cummin cumprod cumsum cumulative_prod
cumulative_sum degrees depends dequantize diag diagonal diff divide divmod einsum einsum_path
empty empty_like equal erf erfinv exp expand_dims expm1 eye finfo flatten flip floor floor_divide
from_fp8 full full_like gather_mm gather_qmm gather_qqmm greater greater_equal hadamard_transform
hamming hanning identity iinfo imag inner isclose isdtype isfinite isinf isnan isneginf isposinf
issubdtype kron left_shift less less_equal linspace log log10 log1p log2 logaddexp logcumsumexp
logical_and logical_not logical_or logical_xor logsumexp matmul matrix_norm matrix_transpose max
maximum mean median meshgrid min minimum minmax moveaxis multiply nan_to_num negative not_equal
ones ones_like outer pad partition permute_dims positive pow power prod put_along_axis qqmm
quantize quantized_matmul radians real reciprocal remainder repeat reshape result_type right_shift
roll round rsqrt searchsorted segmented_mm sigmoid sign sin sinh slice slice_update softmax sort
split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tensordot
tile to_fp8 topk trace transpose tri tril triu trunc unflatten unique unstack var vecdot view
where zeros zeros_like
"""
_TYPES = """
ArrayAt ArrayLike Device DeviceType Dtype DtypeCategory Stream bfloat16 bool_ complex64
complexfloating float16 float32 float64 floating generic inexact int16 int32 int64 int8 integer
number signedinteger uint16 uint32 uint64 uint8 unsignedinteger e euler_gamma inf nan newaxis pi
"""
_MACHINE = """
async_eval eval stop_gradient synchronize stream cpu gpu default_device default_stream
device_count device_info is_available new_stream set_default_device set_default_stream clear_cache
get_active_memory get_cache_memory get_memory_limit get_peak_memory reset_peak_memory
set_cache_limit set_memory_limit
"""
_LINALG = """
cholesky cholesky_inv cross det eig eigh eigvals eigvalsh inv lu lu_factor norm pinv qr slogdet
solve solve_triangular svd tri_inv
"""
_RANDOM = """
bernoulli categorical gumbel key laplace multivariate_normal normal permutation randint seed split
truncated_normal uniform state
"""
_FFT = """
fft fft2 fftfreq fftn fftshift ifft ifft2 ifftn ifftshift irfft irfft2 irfftn istft rfft rfft2
rfftfreq rfftn stft
"""

#: Names of ``mlx.core``, dotted from there.
MX = frozenset(
    [
        *(_ARRAYS + _TYPES + _MACHINE).split(),
        *(f"linalg.{name}" for name in _LINALG.split()),
        *(f"random.{name}" for name in _RANDOM.split()),
        *(f"fft.{name}" for name in _FFT.split()),
    ]
)

#: What the course builds itself, or a later chapter opens. With `MX` and `ELSEWHERE` these are all
#: names that ``mlx.core`` has (a test compares).
BUILT_HERE = frozenset(
    "checkpoint compile custom_function disable_compile enable_compile fast grad jvp "
    "value_and_grad vjp vmap".split()
)
ELSEWHERE = frozenset(
    "ArrayIterator FunctionExporter PrintOptions StreamContext ThreadLocalStream clear_streams "
    "cuda distributed export_function export_to_dot exporter from_dlpack get_array_buffer_size "
    "get_printoptions import_function load metal new_thread_local_stream new_thread_unsafe_stream "
    "printoptions save save_gguf save_safetensors savez savez_compressed set_printoptions "
    "set_wired_limit".split()
)

#: Modules of the standard library and what may be used of them; an empty set stands for every name
#: without a leading underscore.
STANDARD: dict[str, frozenset[str]] = {
    "__future__": frozenset(),
    "abc": frozenset({"ABC", "abstractmethod"}),
    "bisect": frozenset(),
    "cmath": frozenset(),
    "collections": frozenset(),
    "collections.abc": frozenset(),
    "contextlib": frozenset("contextmanager suppress nullcontext ExitStack closing".split()),
    "copy": frozenset({"copy", "deepcopy"}),
    "dataclasses": frozenset("dataclass field replace asdict astuple fields KW_ONLY".split()),
    "decimal": frozenset({"Decimal"}),
    "enum": frozenset("Enum IntEnum Flag IntFlag auto unique".split()),
    "fractions": frozenset({"Fraction"}),
    "functools": frozenset(
        "cache cached_property lru_cache partial reduce wraps total_ordering cmp_to_key".split()
    ),
    "heapq": frozenset(),
    "itertools": frozenset(),
    "json": frozenset("dumps loads JSONDecodeError".split()),
    "math": frozenset(),
    "numbers": frozenset(),
    "operator": frozenset(
        "add sub mul truediv floordiv mod pow matmul neg pos abs invert and_ or_ xor lshift rshift "
        "eq ne lt le gt ge is_ is_not not_ truth contains getitem setitem delitem itemgetter "
        "index concat countOf indexOf iadd isub imul itruediv".split()
    ),
    "pdb": frozenset({"set_trace"}),
    "pprint": frozenset({"pprint", "pformat"}),
    "random": frozenset(
        "Random seed random uniform randint randrange choice choices shuffle sample gauss "
        "normalvariate expovariate betavariate".split()
    ),
    "re": frozenset(),
    "statistics": frozenset(
        "mean fmean median mode stdev pstdev variance pvariance quantiles".split()
    ),
    "string": frozenset(
        "ascii_letters ascii_lowercase ascii_uppercase digits punctuation whitespace printable "
        "hexdigits octdigits".split()
    ),
    "struct": frozenset("pack unpack unpack_from calcsize Struct".split()),
    "sys": frozenset(
        "exit byteorder float_info getsizeof maxsize version_info stderr stdout".split()
    ),
    "textwrap": frozenset({"dedent", "indent", "fill", "wrap", "shorten"}),
    "time": frozenset(
        "perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns "
        "thread_time time time_ns sleep".split()
    ),
    "traceback": frozenset({"print_exc", "format_exc"}),
    "types": frozenset("SimpleNamespace MappingProxyType NoneType TracebackType".split()),
    "typing": frozenset(
        "Any Callable ClassVar Collection Dict Final FrozenSet Generic Hashable Iterable Iterator "
        "List Literal Mapping MutableMapping MutableSequence NamedTuple NewType NoReturn Optional "
        "ParamSpec Protocol Sequence Sized Set SupportsFloat SupportsIndex SupportsInt Tuple Type "
        "TYPE_CHECKING TypeAlias TypeVar TypedDict Union cast overload runtime_checkable "
        "get_args get_origin Generator Concatenate Annotated Required NotRequired".split()
    ),
    "typing_extensions": frozenset("Self Literal Protocol TypedDict override".split()),
    "unicodedata": frozenset({"normalize", "category", "name", "combining"}),
    "warnings": frozenset({"warn", "catch_warnings", "simplefilter"}),
    "weakref": frozenset({"ref", "WeakKeyDictionary", "WeakValueDictionary", "WeakSet"}),
    "zlib": frozenset({"adler32", "crc32"}),
}

_ERRORS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
#: Built-in names.
BUILTINS = frozenset(
    "abs all any ascii bin bool breakpoint bytearray bytes callable chr classmethod complex dict "
    "dir divmod enumerate filter float format frozenset getattr hasattr hash hex id int isinstance "
    "issubclass iter len list map max memoryview min next object oct ord pow print property range "
    "repr reversed round set slice sorted staticmethod str sum super tuple type zip "
    "True False None NotImplemented Ellipsis __debug__ __name__ __doc__ __class__".split()
) | frozenset(_ERRORS)

#: Attributes with two underscores at both ends that may be read.
SPECIAL_READ = frozenset(
    "__name__ __qualname__ __doc__ __class__ __init__ __call__ __len__ __iter__ __next__ "
    "__contains__ __getitem__ __setitem__ __delitem__ __enter__ __exit__ __eq__ __hash__ "
    "__repr__ __str__ __post_init__".split()
)
#: Methods of that kind that a class may define.
SPECIAL_METHODS = SPECIAL_READ - {"__class__"} | frozenset(
    "__abs__ __add__ __and__ __bool__ __bytes__ __complex__ __divmod__ __float__ __floordiv__ "
    "__format__ __ge__ __gt__ __iadd__ __iand__ __ifloordiv__ __imatmul__ __imod__ __imul__ "
    "__index__ __int__ __invert__ __ior__ __ipow__ __isub__ __itruediv__ __le__ __lt__ __matmul__ "
    "__missing__ __mod__ __mul__ __ne__ __neg__ __new__ __or__ __pos__ __pow__ __radd__ __rand__ "
    "__rdivmod__ __reversed__ __rfloordiv__ __rmatmul__ __rmod__ __rmul__ __ror__ __round__ "
    "__rpow__ __rsub__ __rtruediv__ __rxor__ __sub__ __truediv__ __xor__ __length_hint__ "
    "__array_priority__".split()
)
#: Names of that kind that a class body may bind.
SPECIAL_CONSTANTS = frozenset({"__slots__", "__doc__", "__hash__", "__array_priority__"})

#: Attributes that lead from a value to the machinery behind it.
INNER = frozenset(
    "f_back f_builtins f_code f_globals f_generator f_lasti f_lineno f_locals f_trace "
    "f_trace_lines f_trace_opcodes gi_code gi_frame gi_running gi_suspended gi_yieldfrom cr_await "
    "cr_code cr_frame cr_origin cr_running cr_suspended ag_await ag_code ag_frame ag_running "
    "ag_suspended tb_frame tb_lasti tb_lineno tb_next co_code co_consts co_names co_varnames "
    "co_cellvars co_freevars co_filename co_name co_flags co_stacksize co_positions co_lines "
    "co_lnotab co_linetable co_exceptiontable co_argcount co_kwonlyargcount co_posonlyargcount "
    "co_firstlineno co_nlocals co_qualname func_globals func_code mro".split()
)
