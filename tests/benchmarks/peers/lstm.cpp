// Loss of a recurrent network on a text, and its gradient, written for speed by hand.
//
// Two layers of 14 units, whose gates see only their own unit: weights and biases of the forget, in, out and change gates
// lie in `main` (layers, 8, units). `extra` (3, units) scales the input and the output and shifts the output. The units lie
// in two vectors; the lanes after the last unit hold zeros. What the way back needs of each step is kept.

#include <vector>

#include "lanes.hpp"

constexpr int LAYERS = 2, UNITS = 14, VECTORS = 2;

static inline vector sigmoid(vector x) { return 1 / (1 + each<std::exp>(-x)); }

static inline double total(vector x) {
    double out = 0;
    for (int lane = 0; lane < LANES; ++lane) out += x[lane];
    return out;
}

struct Kept {
    vector x, hidden, cell, forget, in, out, change, bent;
};

struct Step {
    Kept layers[LAYERS][VECTORS];
    vector output[VECTORS], slope[VECTORS];
};

static void load(const double *from, vector *to) {
    for (int v = 0; v < VECTORS; ++v)
        for (int lane = 0; lane < LANES; ++lane)
            to[v][lane] = v * LANES + lane < UNITS ? from[v * LANES + lane] : 0;
}

static void store(const vector *from, double scale, double *to) {
    for (int k = 0; k < UNITS; ++k) to[k] = from[k / LANES][k % LANES] * scale;
}

extern "C" double value_and_gradient(const double *main, const double *extra, const double *sequence, int steps,
                                     double *by_main, double *by_extra) {
    vector w[LAYERS][8][VECTORS], e[3][VECTORS], gw[LAYERS][8][VECTORS] = {}, ge[3][VECTORS] = {}, present[VECTORS];
    for (int l = 0; l < LAYERS; ++l)
        for (int k = 0; k < 8; ++k) load(main + (l * 8 + k) * UNITS, w[l][k]);
    for (int k = 0; k < 3; ++k) load(extra + k * UNITS, e[k]);
    for (int v = 0; v < VECTORS; ++v)
        for (int lane = 0; lane < LANES; ++lane) present[v][lane] = v * LANES + lane < UNITS;

    std::vector<Step> kept(steps);
    vector hidden[LAYERS][VECTORS] = {}, cell[LAYERS][VECTORS] = {};
    double loss = 0;
    for (int t = 0; t < steps; ++t) {
        vector x[VECTORS], target[VECTORS], powers[VECTORS];
        load(sequence + t * UNITS, x);
        load(sequence + (t + 1) * UNITS, target);
        double norm = 0, hit = 0, all = 0;
        for (int v = 0; v < VECTORS; ++v) {
            x[v] *= e[0][v];
            for (int l = 0; l < LAYERS; ++l) {
                Kept &k = kept[t].layers[l][v];
                k.x = x[v], k.hidden = hidden[l][v], k.cell = cell[l][v];
                k.forget = sigmoid(k.x * w[l][0][v] + w[l][4][v]);
                k.in = sigmoid(k.hidden * w[l][1][v] + w[l][5][v]);
                k.out = sigmoid(k.x * w[l][2][v] + w[l][6][v]);
                k.change = each<std::tanh>(k.hidden * w[l][3][v] + w[l][7][v]);
                cell[l][v] = k.cell * k.forget + k.in * k.change;
                k.bent = each<std::tanh>(cell[l][v]);
                hidden[l][v] = x[v] = k.out * k.bent;
            }
            vector output = x[v] * e[1][v] + e[2][v];
            powers[v] = each<std::exp>(output) * present[v];
            norm += total(powers[v]);
            hit += total(target[v] * output);
            all += total(target[v]);
            kept[t].output[v] = x[v];
        }
        loss += all * std::log(norm) - hit;
        for (int v = 0; v < VECTORS; ++v) kept[t].slope[v] = powers[v] * (all / norm) - target[v];
    }

    vector by_hidden[LAYERS][VECTORS] = {}, by_cell[LAYERS][VECTORS] = {};
    for (int t = steps - 1; t >= 0; --t) {
        vector input[VECTORS];
        load(sequence + t * UNITS, input);
        for (int v = 0; v < VECTORS; ++v) {
            vector slope = kept[t].slope[v], by_x = slope * e[1][v];
            ge[1][v] += slope * kept[t].output[v];
            ge[2][v] += slope;
            for (int l = LAYERS - 1; l >= 0; --l) {
                const Kept &k = kept[t].layers[l][v];
                vector h = by_hidden[l][v] + by_x, c = by_cell[l][v] + h * k.out * (1 - k.bent * k.bent);
                vector forget = c * k.cell * k.forget * (1 - k.forget), in = c * k.change * k.in * (1 - k.in);
                vector out = h * k.bent * k.out * (1 - k.out), change = c * k.in * (1 - k.change * k.change);
                gw[l][0][v] += forget * k.x, gw[l][4][v] += forget;
                gw[l][1][v] += in * k.hidden, gw[l][5][v] += in;
                gw[l][2][v] += out * k.x, gw[l][6][v] += out;
                gw[l][3][v] += change * k.hidden, gw[l][7][v] += change;
                by_x = forget * w[l][0][v] + out * w[l][2][v];
                by_hidden[l][v] = in * w[l][1][v] + change * w[l][3][v];
                by_cell[l][v] = c * k.forget;
            }
            ge[0][v] += by_x * input[v];
        }
    }
    for (int l = 0; l < LAYERS; ++l)
        for (int k = 0; k < 8; ++k) store(gw[l][k], 1.0 / steps, by_main + (l * 8 + k) * UNITS);
    for (int k = 0; k < 3; ++k) store(ge[k], 1.0 / steps, by_extra + k * UNITS);
    return loss / steps;
}
