// Reprojection errors of observed points and their Jacobian, written for speed by hand.
//
// An observation has a camera of eleven parameters (rotation vector, centre, focal length, principal point, two of
// radial distortion), a point, a weight and the feature that was seen. Observations lie in the lanes of vectors. The
// results are arrays in C order: errors (n, 2), and derivatives by the camera (n, 2, 11), the point (n, 2, 3) and the
// weight (n, 2).

#include "lanes.hpp"

struct Observation {
    vector camera[11], point[3], weight, feature[2];
};

struct Result {
    vector error[2], by_camera[2][11], by_point[2][3], by_weight[2];
};

static inline void derive(const Observation &o, Result &out) {
    const vector *r = o.camera, *centre = o.camera + 3, focal = o.camera[6], *principal = o.camera + 7,
                 k1 = o.camera[9], k2 = o.camera[10];
    vector square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2], angle = each<std::sqrt>(square);
    vector sine = each<std::sin>(angle), cosine = each<std::cos>(angle);
    vector a = sine / angle, b = (1 - cosine) / square, c = (angle - sine) / (square * angle);
    vector cross[3][3] = {{vector{}, -r[2], r[1]}, {r[2], vector{}, -r[0]}, {-r[1], r[0], vector{}}};
    vector R[3][3], J[3][3];  // the rotation and its right Jacobian
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 3; ++j) {
            vector twice = r[i] * r[j] - (i == j ? square : vector{}), one = vector{} + (i == j);
            R[i][j] = one + a * cross[i][j] + b * twice;
            J[i][j] = one - b * cross[i][j] + c * twice;
        }
    vector x[3], p[3];
    for (int i = 0; i < 3; ++i) x[i] = o.point[i] - centre[i];
    for (int i = 0; i < 3; ++i) p[i] = R[i][0] * x[0] + R[i][1] * x[1] + R[i][2] * x[2];
    vector inverse = 1 / p[2], flat[2] = {p[0] * inverse, p[1] * inverse};
    vector radius = flat[0] * flat[0] + flat[1] * flat[1], scale = 1 + radius * (k1 + k2 * radius);
    vector slope = 2 * (k1 + 2 * k2 * radius), wf = o.weight * focal;
    vector skew[3][3] = {{vector{}, -x[2], x[1]}, {x[2], vector{}, -x[0]}, {-x[1], x[0], vector{}}};
    for (int i = 0; i < 2; ++i) {
        vector bent = flat[i] * scale, seen = bent * focal + principal[i];
        vector by_flat[2] = {wf * slope * flat[i] * flat[0], wf * slope * flat[i] * flat[1]};
        by_flat[i] += wf * scale;
        vector by_p[3] = {by_flat[0] * inverse, by_flat[1] * inverse,
                          -(by_flat[0] * flat[0] + by_flat[1] * flat[1]) * inverse};
        vector by_x[3], turned[3];
        for (int j = 0; j < 3; ++j) by_x[j] = by_p[0] * R[0][j] + by_p[1] * R[1][j] + by_p[2] * R[2][j];
        for (int j = 0; j < 3; ++j)
            turned[j] = -(by_x[0] * skew[0][j] + by_x[1] * skew[1][j] + by_x[2] * skew[2][j]);
        for (int j = 0; j < 3; ++j) {
            out.by_camera[i][j] = turned[0] * J[0][j] + turned[1] * J[1][j] + turned[2] * J[2][j];
            out.by_camera[i][3 + j] = -by_x[j];
            out.by_point[i][j] = by_x[j];
        }
        out.by_camera[i][6] = o.weight * bent;
        out.by_camera[i][7 + i] = o.weight;
        out.by_camera[i][8 - i] = vector{};
        out.by_camera[i][9] = wf * flat[i] * radius;
        out.by_camera[i][10] = out.by_camera[i][9] * radius;
        out.by_weight[i] = seen - o.feature[i];
        out.error[i] = o.weight * out.by_weight[i];
    }
}

static inline void read(const double *from, int count, int s, int present, vector *to) {
    for (int i = 0; i < count; ++i)
        for (int lane = 0; lane < LANES; ++lane) to[i][lane] = from[(s + (lane < present ? lane : 0)) * count + i];
}

static inline void write(const vector *from, int count, int s, int present, double *to) {
    for (int lane = 0; lane < present; ++lane)
        for (int i = 0; i < count; ++i) to[(s + lane) * count + i] = from[i][lane];
}

extern "C" void errors_and_jacobian(const double *cameras, const double *points, const double *weights,
                                    const double *features, int n, double *errors, double *by_camera,
                                    double *by_point, double *by_weight) {
    for (int s = 0; s < n; s += LANES) {
        int present = n - s < LANES ? n - s : LANES;
        Observation o;
        Result result;
        read(cameras, 11, s, present, o.camera);
        read(points, 3, s, present, o.point);
        read(weights, 1, s, present, &o.weight);
        read(features, 2, s, present, o.feature);
        derive(o, result);
        write(result.error, 2, s, present, errors);
        write(result.by_camera[0], 22, s, present, by_camera);
        write(result.by_point[0], 6, s, present, by_point);
        write(result.by_weight, 2, s, present, by_weight);
    }
}
