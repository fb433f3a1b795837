/* MLX's Linux wheel calls cblas_sgemm and friends; the OpenBLAS of the wheel scipy-openblas32 names
 * them scipy_cblas_sgemm and so on. Each function below is one jump to the prefixed name, so that
 * arguments, however many, stay where they are. Loaded with RTLD_GLOBAL before mlx.core, this
 * library answers before the reference BLAS that the wheel brings.
 */
#if defined(__x86_64__)
#define FORWARD(name)                                                              \
  __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n"      \
          "  jmp scipy_" #name "@PLT\n.size " #name ", .-" #name "\n");
#elif defined(__aarch64__)
#define FORWARD(name)                                                              \
  __asm__(".text\n.globl " #name "\n.type " #name ", %function\n" #name ":\n"      \
          "  b scipy_" #name "\n.size " #name ", .-" #name "\n");
#else
#error "no forwarding for this processor"
#endif

FORWARD(cblas_sgemm)
FORWARD(cblas_dgemm)
FORWARD(cblas_cgemm)
FORWARD(sgeqrf_)
FORWARD(dgeqrf_)
FORWARD(sorgqr_)
FORWARD(dorgqr_)
FORWARD(sgesdd_)
FORWARD(dgesdd_)
FORWARD(cgesdd_)
FORWARD(sgetrf_)
FORWARD(dgetrf_)
FORWARD(sgetri_)
FORWARD(dgetri_)
FORWARD(spotrf_)
FORWARD(dpotrf_)
FORWARD(ssyevd_)
FORWARD(dsyevd_)
FORWARD(cheevd_)
FORWARD(sgeev_)
FORWARD(dgeev_)
FORWARD(cgeev_)
FORWARD(strtri_)
FORWARD(dtrtri_)
