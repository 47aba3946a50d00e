// A picture to try the service with, drawn here: hills in the mist, in other colours every time.

const [WIDTH, HEIGHT] = [2000, 1333];
const HILLS = 6;

export async function samplePicture() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const pen = canvas.getContext("2d");
  const hue = Math.random() * 360;
  sky(pen, hue);
  for (let hill = 0; hill < HILLS; hill += 1) ridge(pen, hue, hill / (HILLS - 1));
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  return new File([blob], "sample.jpg");
}

function sky(pen, hue) {
  const light = pen.createLinearGradient(0, 0, 0, HEIGHT);
  light.addColorStop(0, `hsl(${hue} 60% 46%)`);
  light.addColorStop(0.6, `hsl(${hue + 50} 85% 78%)`);
  pen.fillStyle = light;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.fillStyle = `hsl(${hue + 60} 95% 93%)`;
  pen.beginPath();
  pen.arc(WIDTH * (0.25 + Math.random() / 2), HEIGHT * 0.36, HEIGHT * 0.11, 0, 7);
  pen.fill();
}

// `depth` is 0 for the farthest, 1 for the nearest.
function ridge(pen, hue, depth) {
  const base = HEIGHT * (0.46 + 0.45 * depth);
  const waves = [1, 2.7, 6.1, 13].map((rate) => [rate * (1 + Math.random()), Math.random() * 6]);
  pen.fillStyle = `hsl(${hue + 30 - 40 * depth} ${30 + 20 * depth}% ${68 - 56 * depth}%)`;
  pen.beginPath();
  pen.moveTo(0, HEIGHT);
  for (let x = 0; x <= WIDTH; x += 4) {
    const wave = ([rate, phase]) => Math.sin((x / WIDTH) * rate * 5 + phase) / rate;
    pen.lineTo(x, base - waves.reduce((sum, each) => sum + wave(each), 0) * HEIGHT * 0.09);
  }
  pen.lineTo(WIDTH, HEIGHT);
  pen.fill();
}
