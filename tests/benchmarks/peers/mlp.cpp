// Value and gradient of the mean squared error of a network 2-16-16-1, written for speed by hand.
//
// Samples lie in the lanes of vectors (structure of arrays), a block is BLOCK vectors; each weight is loaded once a block, and the
// gradients accumulate lane by lane and are reduced once at the end. ACTIVATION is 0 for relu and 1 for tanh.
// The parameters are one array, layer by layer: weights row by row, then biases.

#include <cmath>

constexpr int LANES = 8, INPUTS = 2, WIDTH = 16;
constexpr int PARAMETERS = WIDTH * INPUTS + WIDTH + WIDTH * WIDTH + WIDTH + WIDTH + 1;

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));

static inline vector activation(vector z) {
#if ACTIVATION == 0
    return z > 0 ? z : z - z;
#else
    vector out;
#pragma GCC ivdep
    for (int lane = 0; lane < LANES; ++lane) out[lane] = std::tanh(z[lane]);
    return out;
#endif
}

static inline vector derivative(vector out) {
#if ACTIVATION == 0
    vector one = out - out + 1;
    return out > 0 ? one : out - out;
#else
    return 1 - out * out;
#endif
}

// One block: BLOCK vectors of samples, of which the last `missing` lanes count nothing.
template <int BLOCK>
static void block(const double *__restrict p, const double *__restrict X, const double *__restrict y, int missing,
                  vector &loss, vector *__restrict gradient) {
    const double *W1 = p, *b1 = W1 + WIDTH * INPUTS, *W2 = b1 + WIDTH, *b2 = W2 + WIDTH * WIDTH, *W3 = b2 + WIDTH,
                 *b3 = W3 + WIDTH;
    vector *gW1 = gradient, *gb1 = gW1 + WIDTH * INPUTS, *gW2 = gb1 + WIDTH, *gb2 = gW2 + WIDTH * WIDTH,
           *gW3 = gb2 + WIDTH, *gb3 = gW3 + WIDTH;

    vector x[INPUTS][BLOCK], target[BLOCK], weight[BLOCK], h1[WIDTH][BLOCK], h2[WIDTH][BLOCK],
        d2[WIDTH][BLOCK], score[BLOCK], d3[BLOCK];
    for (int v = 0; v < BLOCK; ++v)
        for (int lane = 0; lane < LANES; ++lane) {
            int s = v * LANES + lane, present = s < BLOCK * LANES - missing;
            for (int i = 0; i < INPUTS; ++i) x[i][v][lane] = present ? X[s * INPUTS + i] : 0;
            target[v][lane] = present ? y[s] : 0;
            weight[v][lane] = present;
        }

    for (int j = 0; j < WIDTH; ++j)
        for (int v = 0; v < BLOCK; ++v)
            h1[j][v] = activation(b1[j] + W1[j * INPUTS] * x[0][v] + W1[j * INPUTS + 1] * x[1][v]);

    for (int v = 0; v < BLOCK; ++v) score[v] = vector{} + b3[0];
    for (int j = 0; j < WIDTH; ++j) {
        vector z[BLOCK];
        for (int v = 0; v < BLOCK; ++v) z[v] = vector{} + b2[j];
#pragma GCC unroll 16
        for (int i = 0; i < WIDTH; ++i)
            for (int v = 0; v < BLOCK; ++v) z[v] += W2[j * WIDTH + i] * h1[i][v];
        for (int v = 0; v < BLOCK; ++v) {
            h2[j][v] = activation(z[v]);
            score[v] += W3[j] * h2[j][v];
        }
    }

    for (int v = 0; v < BLOCK; ++v) {
        vector error = (score[v] - target[v]) * weight[v];
        loss += error * error;
        d3[v] = 2 * error;
        gb3[0] += d3[v];
    }

    for (int j = 0; j < WIDTH; ++j) {
        vector gw = gW3[j], gb = gb2[j];
        for (int v = 0; v < BLOCK; ++v) {
            gw += d3[v] * h2[j][v];
            d2[j][v] = d3[v] * W3[j] * derivative(h2[j][v]);
            gb += d2[j][v];
        }
        gW3[j] = gw;
        gb2[j] = gb;
    }

    for (int i = 0; i < WIDTH; ++i) {
        vector carried[BLOCK] = {};
#pragma GCC unroll 16
        for (int j = 0; j < WIDTH; ++j) {
            vector gw = gW2[i * WIDTH + j];
            for (int v = 0; v < BLOCK; ++v) {
                gw += d2[j][v] * h1[i][v];
                carried[v] += W2[j * WIDTH + i] * d2[j][v];
            }
            gW2[i * WIDTH + j] = gw;
        }
        for (int v = 0; v < BLOCK; ++v) {
            vector d1 = carried[v] * derivative(h1[i][v]);
            for (int k = 0; k < INPUTS; ++k) gW1[i * INPUTS + k] += d1 * x[k][v];
            gb1[i] += d1;
        }
    }
}

static double total(vector v) {
    double out = 0;
    for (int lane = 0; lane < LANES; ++lane) out += v[lane];
    return out;
}

extern "C" double value_and_gradient(const double *parameters, const double *X, const double *y, int n,
                                     double *gradient) {
    vector loss = {}, sums[PARAMETERS] = {};
    int s = 0;
    for (; s + BLOCK_VECTORS * LANES <= n; s += BLOCK_VECTORS * LANES)
        block<BLOCK_VECTORS>(parameters, X + s * INPUTS, y + s, 0, loss, sums);
    for (; s < n; s += LANES)
        block<1>(parameters, X + s * INPUTS, y + s, s + LANES > n ? s + LANES - n : 0, loss, sums);

    for (int k = 0; k < PARAMETERS; ++k) gradient[k] = total(sums[k]) / n;
    constexpr int second = WIDTH * INPUTS + WIDTH;  // the block wrote these columns first, so that its inner loop goes in order
    for (int j = 0; j < WIDTH; ++j)
        for (int i = 0; i < WIDTH; ++i) gradient[second + j * WIDTH + i] = total(sums[second + i * WIDTH + j]) / n;
    return total(loss) / n;
}
