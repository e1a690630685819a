// Vectors of eight doubles, and functions of them.

#include <cmath>

constexpr int LANES = 8;
typedef double vector __attribute__((vector_size(LANES * sizeof(double))));

template <double (*f)(double)> static inline vector each(vector x) {
    vector out;
#pragma GCC ivdep
    for (int lane = 0; lane < LANES; ++lane) out[lane] = f(x[lane]);
    return out;
}
