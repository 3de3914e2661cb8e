// Trace a folder of raw RGBA files with imagetracerjs: see scripts/bench_peers.py.
//
//     node scripts/peers/imagetracer.js LIBRARY FOLDER
//
// LIBRARY is the package's imagetracer file. Beside each NAME.WIDTHxHEIGHT.rgba it writes
// NAME.imagetracerjs.svg, with the package's default options.
const fs = require("fs");
const path = require("path");

const [library, folder] = process.argv.slice(2).map((name) => path.resolve(name));
const tracer = require(library);

for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".rgba"))) {
  const [, name, width, height] = file.match(/^(.*)\.(\d+)x(\d+)\.rgba$/);
  const data = new Uint8ClampedArray(fs.readFileSync(path.join(folder, file)));
  const image = { width: Number(width), height: Number(height), data };
  const svg = tracer.imagedataToSVG(image, { viewbox: true });
  fs.writeFileSync(path.join(folder, `${name}.imagetracerjs.svg`), svg);
}
