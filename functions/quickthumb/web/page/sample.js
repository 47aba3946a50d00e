// A picture to try the service with, drawn here.

const [width, height] = [2000, 1333];
const HILLS = 6;

export async function samplePicture() {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  const hue = 180 + Math.random() * 180;
  pen.fillStyle = `hsl(${hue + 50} 80% 74%)`;
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = `hsl(${hue + 60} 95% 93%)`;
  pen.arc(width * (0.25 + Math.random() / 2), height * 0.36, height * 0.11, 0, 7);
  pen.fill();
  for (let hill = 0; hill < HILLS; hill += 1) ridge(pen, hue, hill / (HILLS - 1));
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  return new File([blob], "sample.jpg");
}

// `depth` is 0 for the farthest, 1 for the nearest.
function ridge(pen, hue, depth) {
  const waves = [5, 14, 31, 65].map((rate) => [rate * (1 + Math.random()), Math.random() * 6]);
  const rise = (x, [rate, phase]) => Math.sin((x / width) * rate + phase) / rate;
  pen.fillStyle = `hsl(${hue + 30 - 40 * depth} ${30 + 20 * depth}% ${68 - 56 * depth}%)`;
  pen.beginPath();
  for (let x = 0; x <= width; x += 4) {
    const sum = waves.reduce((all, wave) => all + rise(x, wave), 0);
    pen.lineTo(x, height * (0.46 + 0.45 * (depth - sum)));
  }
  pen.lineTo(width, height);
  pen.lineTo(0, height);
  pen.fill();
}
