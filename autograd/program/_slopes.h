/* Written by autograd/c_rules.py from the table in autograd/primitives.py. */
#define SLOPES(X) \
    X(slope_of_tanh, ((fabs(y) < 0.75) ? ((1.0 - y) * (1.0 + y)) : ((4.0 * exp(((-2.0) * fabs(x)))) / ((1.0 + exp(((-2.0) * fabs(x)))) * (1.0 + exp(((-2.0) * fabs(x)))))))) \
    X(slope_of_sigmoid, ((y < 0.75) ? (y * (1.0 - y)) : (exp((-fabs(x))) / ((1.0 + exp((-fabs(x)))) * (1.0 + exp((-fabs(x)))))))) \
    X(slope_of_silu, ((fabs((x - 0.5)) < 1.5) ? (((fabs(x) > 0.0) ? (y / x) : 0.5) + (y * (1.0 - ((fabs(x) > 0.0) ? (y / x) : 0.5)))) : ((x > (-600.0)) ? ((1.0 + (x * ((((-x) > 0.0) ? 1.0 : exp((-fabs((-x))))) / (1.0 + exp((-fabs((-x)))))))) * (((x > 0.0) ? 1.0 : exp((-fabs(x)))) / (1.0 + exp((-fabs(x)))))) : (((1.0 + (x * ((((-x) > 0.0) ? 1.0 : exp((-fabs((-x))))) / (1.0 + exp((-fabs((-x)))))))) * exp((0.5 * (x <= 0.0 || x != x ? x : 0.0)))) * exp((0.5 * (x <= 0.0 || x != x ? x : 0.0)))))))
