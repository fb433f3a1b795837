#include "picture.h"

#include <fstream>
#include <limits>
#include <stdexcept>

namespace {

constexpr int most_pixels = 40'000'000;

// The next number of a header: numbers are separated by space, and # begins a comment.
int next_number(std::istream& in, const std::string& path) {
  while (in >> std::ws && in.peek() == '#')
    in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  int number;
  if (!(in >> number) || number < 1)
    throw std::runtime_error(path + " is damaged: its header should have three numbers.");
  return number;
}

} // namespace

Picture read_picture(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw std::runtime_error(path + " cannot be opened.");
  char magic[2] = {};
  in.read(magic, 2);
  if (magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6'))
    throw std::runtime_error(path + " is no binary PGM or PPM; convert the picture first.");
  const int channels = magic[1] == '5' ? 1 : 3;
  const int width = next_number(in, path), height = next_number(in, path);
  const int most = next_number(in, path);
  if (most > 255)
    throw std::runtime_error(path + " has more than 8 bits for a number; convert it first.");
  if (static_cast<long long>(width) * height > most_pixels)
    throw std::runtime_error(path + " has more than 40 million pixels.");
  in.get(); // one space, then the pixels
  std::vector<unsigned char> bytes(static_cast<size_t>(width) * height * channels);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (static_cast<size_t>(in.gcount()) != bytes.size())
    throw std::runtime_error(path + " is incomplete: some of its pixels are missing.");
  Picture picture{height, width, channels, std::vector<float>(bytes.size())};
  for (size_t i = 0; i < bytes.size(); i++)
    picture.numbers[i] = static_cast<float>(bytes[i]) / static_cast<float>(most);
  return picture;
}
