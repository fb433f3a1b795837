#pragma once

#include <string>
#include <vector>

// A picture: rows of pixels with one (grey) or three (red, green, blue) numbers from 0 to 1.
struct Picture {
  int height, width, channels;
  std::vector<float> numbers;
};

// Reads a binary PGM (P5) or PPM (P6). Throws std::runtime_error with a sentence.
Picture read_picture(const std::string& path);
