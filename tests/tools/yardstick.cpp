// What the pace of a machine's compiler is read off: three decompositions of Eigen's. See cost.cpp.
#include <Eigen/Dense>

double decompose(const Eigen::MatrixXd& a) { return a.fullPivLu().determinant() + a.ldlt().rcond() + a.llt().rcond(); }
