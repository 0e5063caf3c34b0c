// The lessons in Pyodide under Node: Python and NumPy as WebAssembly, no Numba, no threads, no compiler.
//
//     node tests/long/pyodide.mjs FOLDER NUMPY_WHEEL
//
// FOLDER has node_modules/pyodide, from npm; the wheel is the one that this version's pyodide-lock.json names.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [folder, wheel] = process.argv.slice(2).map((part) => resolve(part));
const home = dirname(createRequire(join(folder, "package.json")).resolve("pyodide"));
const lock = JSON.parse(readFileSync(join(home, "pyodide-lock.json"), "utf-8"));
const sha256 = createHash("sha256").update(readFileSync(wheel)).digest("hex");
if (sha256 !== lock.packages.numpy.sha256) {
  console.error(`${basename(wheel)} is not the wheel of Pyodide ${lock.info.version}: ${lock.packages.numpy.file_name}`);
  process.exit(1);
}

const { loadPyodide } = await import(pathToFileURL(join(home, "pyodide.mjs")));
const pyodide = await loadPyodide({ indexURL: home });
pyodide.FS.mkdir("/numpy");
pyodide.unpackArchive(new Uint8Array(readFileSync(wheel)), "wheel", { extractDir: "/numpy" });
pyodide.FS.mkdir("/repository");
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");
pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root }, "/repository");
pyodide.globals.set("names", pyodide.toPy(process.argv.slice(4)));
const failed = await pyodide.runPythonAsync(readFileSync(join(root, "tests", "long", "in_pyodide.py"), "utf-8"));
process.exit(failed);
