// The lessons in Pyodide under Node: Python and NumPy as WebAssembly, no Numba, no threads, no compiler.
//
//     node tests/long/pyodide.mjs FOLDER [NUMPY_WHEEL [LESSON ...]]
//
// FOLDER has node_modules/pyodide, from npm. NumPy is fetched, unless the wheel that pyodide-lock.json names is given.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [folder, wheel] = process.argv.slice(2, 4).map((part) => resolve(part));
const home = dirname(createRequire(join(folder, "package.json")).resolve("pyodide"));
const { loadPyodide } = await import(pathToFileURL(join(home, "pyodide.mjs")));
const pyodide = await loadPyodide({ indexURL: home });
if (wheel === undefined) {
  await pyodide.loadPackage("numpy");
} else {
  const lock = JSON.parse(readFileSync(join(home, "pyodide-lock.json"), "utf-8"));
  const contents = new Uint8Array(readFileSync(wheel));
  if (createHash("sha256").update(contents).digest("hex") !== lock.packages.numpy.sha256) {
    console.error(`${basename(wheel)} is not ${lock.packages.numpy.file_name}, as Pyodide ${lock.info.version} has it`);
    process.exit(1);
  }
  pyodide.FS.mkdir("/numpy");
  pyodide.unpackArchive(contents, "wheel", { extractDir: "/numpy" });
}
pyodide.FS.mkdir("/repository");
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");
pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root }, "/repository");
pyodide.runPython(`
import sys
sys.dont_write_bytecode = True
sys.path[:0] = ["/repository", "/repository/tests/long", "/numpy"]
`);
process.exit(pyodide.pyimport("in_pyodide").main(...process.argv.slice(4)));
