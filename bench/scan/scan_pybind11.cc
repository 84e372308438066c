// SPDX-License-Identifier: MIT
// Classes as pybind11 makes them, for bench/scan/run.
#include <memory>
#include <string>

#include <pybind11/pybind11.h>

namespace py = pybind11;

struct Point {
	Point(double x_from, double y_from) : x(x_from), y(y_from) {}
	virtual ~Point() = default;
	double x, y;
};

struct Named : Point {
	Named(double x_from, double y_from, std::string name_from) : Point(x_from, y_from), name(std::move(name_from)) {}
	std::string name;
};

struct Second {
	virtual ~Second() = default;
	int number = 7;
};

struct Both : Named, Second {
	Both() : Named(1, 2, "both") {}
};

struct Holder {
	explicit Holder(py::object item_from) : item(std::move(item_from)) {}
	py::object item;
};

PYBIND11_MODULE(scan_pybind11, module)
{
	py::class_<Point, std::shared_ptr<Point>>(module, "Point", py::dynamic_attr())
		.def(py::init<double, double>())
		.def_readwrite("x", &Point::x);
	py::class_<Named, Point, std::shared_ptr<Named>>(module, "Named").def(py::init<double, double, std::string>());
	py::class_<Second, std::shared_ptr<Second>>(module, "Second").def(py::init<>());
	py::class_<Both, Named, Second, std::shared_ptr<Both>>(module, "Both", py::multiple_inheritance()).def(py::init<>());
	py::class_<Holder>(module, "Holder", py::dynamic_attr()).def(py::init<py::object>());
	py::enum_<std::byte>(module, "Byte").value("zero", std::byte{ 0 });
}
