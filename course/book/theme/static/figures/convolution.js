// A convolution: which numbers of the picture a number of the result is made of.
"use strict";
stage.figure("convolution", ({ controls, show }) => {
  const { t, paint, shape, drawing, text, square, slider, round } = stage;
  const now = { size: 6, kernel: 3, stride: 1, padding: 0, dilation: 1, at: 0 };
  const number = stage.random(4);
  const picture = Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => Math.floor(number.uniform() * 10)));
  const weights = k => k === 1 ? [[2]] : k === 2 ? [[1, -1], [1, -1]] : [[1, 0, -1], [2, 0, -2], [1, 0, -1]];

  const place = slider("place in the result", 0, 15, 0, value => { now.at = value; draw(); }, { shown: v => String(v) });
  const changed = name => value => { now[name] = value; now.at = 0; draw(); };
  controls(
    slider("picture", 3, 8, now.size, changed("size")), slider("kernel", 1, 3, now.kernel, changed("kernel")),
    slider("stride", 1, 3, now.stride, changed("stride")), slider("padding", 0, 2, now.padding, changed("padding")),
    slider("dilation", 1, 3, now.dilation, changed("dilation")), place,
  );

  function draw() {
    const { size, kernel, stride, padding, dilation } = now, reach = dilation * (kernel - 1) + 1;
    const out = Math.floor((size + 2 * padding - reach) / stride) + 1, w = weights(kernel);
    if (out < 1) {
      show(drawing(720, 90, ""), t`The kernel reaches over ${reach} pixels, but the picture with its border has only ${size + 2 * padding}: there is no place for it.`, true);
      return;
    }
    now.at = Math.min(now.at, out * out - 1);
    place.set(now.at, out * out - 1);
    const [row, column] = [Math.floor(now.at / out), now.at % out];
    const full = size + 2 * padding, side = Math.min(34, 330 / full), high = Math.max(full, 3) * side + 32;
    const left = Math.max(full * side, 50) + 36, right = left + Math.max(kernel * side, 50) + 36, small = Math.min(side, 240 / out);
    const svg = drawing(Math.max(right + out * small + 4, 420), Math.max(high, out * small + 32), `a picture of ${size} by ${size} pixels, a kernel, and a result of ${out} by ${out}`);
    const terms = [];
    let sum = 0;
    svg.append(text(full * side / 2, 12, padding ? "picture, with a border of zeros" : "picture", { fill: paint.soft }));
    for (let i = 0; i < full; i++) for (let j = 0; j < full; j++) {
      const [y, x] = [i - padding, j - padding], inside = y >= 0 && x >= 0 && y < size && x < size;
      const value = inside ? picture[y][x] : 0;
      const [di, dj] = [i - row * stride, j - column * stride];
      const used = di >= 0 && dj >= 0 && di < reach && dj < reach && di % dilation === 0 && dj % dilation === 0;
      if (used) {
        const by = w[di / dilation][dj / dilation];
        sum += by * value;
        if (by) terms.push(`${round(by)}·${value}`);
      }
      svg.append(square(j * side, 26 + i * side, side, used ? paint.warm : inside ? paint.paper : paint.panel));
      svg.append(text(j * side + side / 2, 26 + i * side + side / 2, value, { fill: inside ? paint.ink : paint.soft, font_size: side * .42, font_weight: used ? 650 : 400 }));
    }
    svg.append(shape("rect", { x: column * stride * side, y: 26 + row * stride * side, width: reach * side, height: reach * side, fill: "none", stroke: paint.red, stroke_width: 3 }));
    svg.append(text(left + kernel * side / 2, 12, "kernel", { fill: paint.soft }));
    w.forEach((line, i) => line.forEach((value, j) => {
      svg.append(square(left + j * side, 26 + i * side, side, paint.warm));
      svg.append(text(left + j * side + side / 2, 26 + i * side + side / 2, round(value), { font_size: side * .42 }));
    }));
    svg.append(text(right + out * small / 2, 12, "result", { fill: paint.soft }));
    for (let i = 0; i < out; i++) for (let j = 0; j < out; j++) {
      let value = 0;
      for (let a = 0; a < kernel; a++) for (let b = 0; b < kernel; b++) {
        const [y, x] = [i * stride + a * dilation - padding, j * stride + b * dilation - padding];
        if (y >= 0 && x >= 0 && y < size && x < size) value += w[a][b] * picture[y][x];
      }
      const here = i === row && j === column;
      const cell = square(right + j * small, 26 + i * small, small, here ? paint.tint : paint.paper, { cursor: "pointer" });
      const label = text(right + j * small + small / 2, 26 + i * small + small / 2, round(value), { font_size: small * .38, font_weight: here ? 650 : 400, pointer_events: "none" });
      cell.addEventListener("click", () => { now.at = i * out + j; draw(); });
      svg.append(cell, label);
    }
    svg.append(shape("rect", { x: right + column * small, y: 26 + row * small, width: small, height: small, fill: "none", stroke: paint.red, stroke_width: 3, pointer_events: "none" }));
    show(svg, t`⌊(${size} + 2·${padding} − ${dilation}·(${kernel} − 1) − 1) / ${stride}⌋ + 1 = ${out} places on each side. Here: ${terms.join(" + ")} = ${round(sum)}.`);
  }
  draw();
});
