/* Values and gradients of two loops, the way back written by hand. */
#include <math.h>

/* A pendulum, `steps` Euler steps of h; `way` has room for two numbers a step. */
double pendulum(double angle, double speed, double drag, double gravity, double h, long steps, double *way,
                double *gradient) {
    for (long i = 0; i < steps; i++) {
        way[2 * i] = angle;
        way[2 * i + 1] = speed;
        const double next = speed - h * (gravity * sin(angle) + drag * speed);
        angle += h * speed;
        speed = next;
    }
    double by_angle = 1.0, by_speed = 0.0, by_drag = 0.0, by_gravity = 0.0;
    for (long i = steps - 1; i >= 0; i--) {
        const double a = way[2 * i], v = way[2 * i + 1];
        by_drag -= h * by_speed * v;
        by_gravity -= h * by_speed * sin(a);
        const double angle_before = by_angle - h * by_speed * gravity * cos(a);
        by_speed += h * by_angle - h * by_speed * drag;
        by_angle = angle_before;
    }
    gradient[0] = by_angle, gradient[1] = by_speed, gradient[2] = by_drag, gradient[3] = by_gravity;
    return angle;
}

/* The negative log-likelihood of a GARCH(1, 1) model; `way` has room for one number an observation. */
double garch(double omega, double alpha, double beta, const double *returns, long n, double *way, double *gradient) {
    double variance = omega / (1.0 - alpha - beta), total = 0.0;
    for (long i = 0; i < n; i++) {
        const double square = returns[i] * returns[i];
        way[i] = variance;
        total += log(variance) + square / variance;
        variance = omega + alpha * square + beta * variance;
    }
    double back = 0.0, by_omega = 0.0, by_alpha = 0.0, by_beta = 0.0;
    for (long i = n - 1; i >= 0; i--) {
        const double square = returns[i] * returns[i], v = way[i], inverse = 1.0 / v;
        by_omega += back;
        by_alpha += back * square;
        by_beta += back * v;
        back = back * beta + 0.5 * (inverse - square * inverse * inverse);
    }
    const double rest = 1.0 - alpha - beta, by_rest = back * omega / (rest * rest);
    gradient[0] = by_omega + back / rest, gradient[1] = by_alpha + by_rest, gradient[2] = by_beta + by_rest;
    return 0.5 * total;
}
