// Runs a function that `tinymlx export` (or mx.export_function) wrote.
//
//   runner MODEL.mlxfn run IN.npy OUT.npy        any function of one array
//   runner MODEL.mlxfn classify PICTURE.ppm      logits of classes; their names are in the metadata
//   runner MODEL.mlxfn complete TEXT COUNT       logits of the next byte, given the last ones

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "mlx/mlx.h"
#include "picture.h"

namespace mx = mlx::core;

namespace {

// A line "name=value" of the metadata.
std::string told(const mx::ImportedFunction& model, const std::string& name) {
  std::istringstream lines(model.metadata());
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(name + "=", 0) == 0)
      return line.substr(name.size() + 1);
  throw std::runtime_error("The file says nothing about \"" + name + "\"; export it again.");
}

std::vector<std::string> split(const std::string& text, char mark) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, mark);)
    parts.push_back(part);
  return parts;
}

void run(const mx::ImportedFunction& model, const std::string& in, const std::string& out) {
  auto outputs = model({mx::load(in)});
  if (outputs.size() != 1)
    throw std::runtime_error("The function should have one output.");
  mx::save(out, mx::contiguous(outputs[0]));
}

void classify(const mx::ImportedFunction& model, const std::string& path) {
  const auto names = split(told(model, "classes"), ',');
  const auto picture = read_picture(path);
  const auto size = split(told(model, "shape"), ',');
  const std::vector<int> shape{picture.height, picture.width, picture.channels};
  for (size_t i = 0; i < shape.size(); i++)
    if (size.size() != shape.size() || std::to_string(shape[i]) != size[i])
      throw std::runtime_error(
          path + " is " + std::to_string(shape[0]) + " x " + std::to_string(shape[1]) + " with " +
          std::to_string(shape[2]) + " channels; the model wants " + told(model, "shape") + ".");
  auto x = mx::array(picture.numbers.begin(), {1, shape[0], shape[1], shape[2]}, mx::float32);
  auto chances = mx::softmax(mx::astype(model({x})[0], mx::float32), -1);
  mx::eval(chances);
  if (chances.size() != names.size())
    throw std::runtime_error("The file names another number of classes than the model has.");
  std::vector<size_t> order(names.size());
  std::iota(order.begin(), order.end(), 0);
  const float* p = chances.data<float>();
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
  for (size_t i : order)
    std::printf("%7.3f %%  %s\n", 100.0 * p[i], names[i].c_str());
}

void complete(const mx::ImportedFunction& model, std::string text, int count) {
  const int length = std::stoi(told(model, "length"));
  if (text.empty())
    throw std::runtime_error("The text is empty; it needs at least one character.");
  std::cout << text;
  for (int i = 0; i < count; i++) {
    // The last bytes, with zeros in front if there are too few.
    std::vector<int> window(length, 0);
    const int known = std::min<int>(length, static_cast<int>(text.size()));
    for (int j = 0; j < known; j++)
      window[length - known + j] = static_cast<unsigned char>(text[text.size() - known + j]);
    auto next = mx::argmax(model({mx::array(window.begin(), {1, length}, mx::int32)})[0], -1);
    const auto byte = static_cast<char>(mx::astype(next, mx::int32).item<int>());
    text += byte;
    std::cout << byte << std::flush;
  }
  std::cout << std::endl;
}

int usage() {
  std::cerr << "runner MODEL.mlxfn run IN.npy OUT.npy | classify PICTURE.ppm | complete TEXT COUNT\n";
  return 2;
}

} // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  try {
    if (args.size() == 4 && args[1] == "run")
      run(mx::import_function(args[0]), args[2], args[3]);
    else if (args.size() == 3 && args[1] == "classify")
      classify(mx::import_function(args[0]), args[2]);
    else if (args.size() == 4 && args[1] == "complete")
      complete(mx::import_function(args[0]), args[2], std::stoi(args[3]));
    else
      return usage();
  } catch (const std::exception& error) {
    std::cerr << "runner: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
