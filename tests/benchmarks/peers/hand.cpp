// Residuals of a hand's skin and their Jacobian by its pose, written for speed by hand.
//
// The pose has a rotation vector and a translation of the palm, and for each finger three angles by which its joints
// bend and one by which the first spreads. A point of the skin moves with 16 bones, in the frame of the palm; the palm is
// moved after that. What all points share, the maps of the bones and their derivatives, is computed once. Points lie in
// the lanes of vectors. The results are arrays in C order: residuals (n, 3), Jacobian (n, 3, 26).

#include "lanes.hpp"

constexpr int FINGERS = 5, JOINTS = 3, BONES = 1 + FINGERS * JOINTS, PARAMETERS = 6 + FINGERS * (JOINTS + 1);

struct Map {
    double m[3][4];
};

static Map composed(const Map &a, const Map &b, double with_shift = 1) {
    Map out;
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 4; ++j) {
            out.m[i][j] = j == 3 ? with_shift * a.m[i][3] : 0;
            for (int k = 0; k < 3; ++k) out.m[i][j] += a.m[i][k] * b.m[k][j];
        }
    return out;
}

static Map around_x(double angle, const double *offset) {
    double s = std::sin(angle), c = std::cos(angle);
    return {{{1, 0, 0, offset[0]}, {0, c, -s, offset[1]}, {0, s, c, offset[2]}}};
}

static Map slope_around_x(double angle) {
    double s = std::sin(angle), c = std::cos(angle);
    return {{{0, 0, 0, 0}, {0, -s, -c, 0}, {0, c, -s, 0}}};
}

static Map around_z(double angle) {
    double s = std::sin(angle), c = std::cos(angle);
    return {{{c, -s, 0, 0}, {s, c, 0, 0}, {0, 0, 1, 0}}};
}

static Map slope_around_z(double angle) {
    double s = std::sin(angle), c = std::cos(angle);
    return {{{-s, -c, 0, 0}, {c, -s, 0, 0}, {0, 0, 0, 0}}};
}

// The rotation and its derivatives by the components of the rotation vector.
static void rotation(const double *r, Map &R, Map by[3]) {
    double square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2], angle = std::sqrt(square);
    double s = std::sin(angle), c = std::cos(angle), a = s / angle, b = (1 - c) / square;
    double a_by_square = (c - a) / (2 * square), b_by_square = (a / 2 - b) / square;
    double cross[3][3] = {{0, -r[2], r[1]}, {r[2], 0, -r[0]}, {-r[1], r[0], 0}};
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 3; ++j) {
            R.m[i][j] = (i == j ? c : 0) + a * cross[i][j] + b * r[i] * r[j];
            for (int k = 0; k < 3; ++k) {
                double unit = i == j ? 0 : (j - i + 3) % 3 == 1 ? (k == 3 - i - j ? -1 : 0) : (k == 3 - i - j ? 1 : 0);
                by[k].m[i][j] = (i == j ? -a * r[k] : 0) + a * unit + 2 * r[k] * a_by_square * cross[i][j] +
                                2 * r[k] * b_by_square * r[i] * r[j] + b * ((i == k) * r[j] + r[i] * (j == k));
            }
        }
    for (int i = 0; i < 3; ++i) R.m[i][3] = by[0].m[i][3] = by[1].m[i][3] = by[2].m[i][3] = 0;
}

extern "C" void residuals_and_jacobian(const double *pose, const double *offsets, const double *base,
                                       const double *weights, const double *observed, int n, double *residuals,
                                       double *jacobian) {
    Map palm, by_rotation[3], bones[FINGERS][JOINTS], slopes[FINGERS][JOINTS + 1][JOINTS];
    rotation(pose, palm, by_rotation);
    for (int f = 0; f < FINGERS; ++f) {
        const double *angles = pose + 6 + 4 * f;
        Map parent = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};
        for (int j = 0; j < JOINTS; ++j) {
            Map turn = around_x(angles[j], offsets + 3 * (f * JOINTS + j)), slope = slope_around_x(angles[j]);
            if (j == 0) {
                slopes[f][JOINTS][0] = composed(turn, slope_around_z(angles[JOINTS]), 0);
                turn = composed(turn, around_z(angles[JOINTS]));
                slope = composed(slope, around_z(angles[JOINTS]));
            }
            for (int k = 0; k < j; ++k) slopes[f][k][j] = composed(slopes[f][k][j - 1], turn);
            if (j) slopes[f][JOINTS][j] = composed(slopes[f][JOINTS][j - 1], turn);
            slopes[f][j][j] = composed(parent, slope, 0);
            bones[f][j] = parent = composed(parent, turn);
        }
        for (int k = 0; k <= JOINTS; ++k)
            for (int j = k % JOINTS; j < JOINTS; ++j) slopes[f][k][j] = composed(palm, slopes[f][k][j]);
    }

    for (int s = 0; s < n; s += LANES) {
        int present = n - s < LANES ? n - s : LANES;
        vector point[3], weight[BONES], seen[3], out[3][PARAMETERS], skin[3];
        for (int lane = 0; lane < LANES; ++lane) {
            int from = s + (lane < present ? lane : 0);
            for (int i = 0; i < 3; ++i) point[i][lane] = base[3 * from + i], seen[i][lane] = observed[3 * from + i];
            for (int b = 0; b < BONES; ++b) weight[b][lane] = weights[BONES * from + b];
        }
        for (int i = 0; i < 3; ++i) skin[i] = weight[0] * point[i];
        for (int f = 0; f < FINGERS; ++f) {
            const vector *w = weight + 1 + f * JOINTS;
            vector weighted[JOINTS][3];
            for (int j = 0; j < JOINTS; ++j) {
                for (int i = 0; i < 3; ++i) weighted[j][i] = w[j] * point[i];
                for (int i = 0; i < 3; ++i) {
                    const double *m = bones[f][j].m[i];
                    skin[i] += m[0] * weighted[j][0] + m[1] * weighted[j][1] + m[2] * weighted[j][2] + m[3] * w[j];
                }
            }
            for (int k = 0; k <= JOINTS; ++k)
                for (int i = 0; i < 3; ++i) {
                    vector sum = {};
                    for (int j = k % JOINTS; j < JOINTS; ++j) {
                        const double *m = slopes[f][k][j].m[i];
                        sum += m[0] * weighted[j][0] + m[1] * weighted[j][1] + m[2] * weighted[j][2] + m[3] * w[j];
                    }
                    out[i][6 + 4 * f + k] = sum;
                }
        }
        vector error[3];
        for (int i = 0; i < 3; ++i) {
            const double *R = palm.m[i];
            error[i] = R[0] * skin[0] + R[1] * skin[1] + R[2] * skin[2] + pose[3 + i] - seen[i];
            for (int k = 0; k < 3; ++k) {
                const double *m = by_rotation[k].m[i];
                out[i][k] = m[0] * skin[0] + m[1] * skin[1] + m[2] * skin[2];
                out[i][3 + k] = vector{} + (i == k);
            }
        }
        for (int lane = 0; lane < present; ++lane)
            for (int i = 0; i < 3; ++i) {
                residuals[3 * (s + lane) + i] = error[i][lane];
                for (int k = 0; k < PARAMETERS; ++k) jacobian[(3 * (s + lane) + i) * PARAMETERS + k] = out[i][k][lane];
            }
    }
}
