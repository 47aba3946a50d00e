// Files that are chosen, dropped anywhere, or pasted; folders too.

const input = document.querySelector("#file");
const folderButton = document.querySelector("#folder");
const EXTENSIONS = new Set(input.accept.split(","));

// Calls `take` with the files in order, and with how many files of folders are no pictures.
export function listen(take) {
  input.onchange = () => {
    take([...input.files]);
    input.value = ""; // so that the same files can be chosen again
  };
  if ("webkitdirectory" in input && !matchMedia("(pointer: coarse)").matches) offerFolders(take);
  addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) take([...event.clipboardData.files]);
  });
  listenToDrops(take);
}

function offerFolders(take) {
  const field = document.createElement("input");
  field.type = "file";
  field.webkitdirectory = true;
  field.onchange = () => {
    takePictures([...field.files].sort(inOrder("webkitRelativePath")), [], take);
    field.value = "";
  };
  folderButton.onclick = () => field.click();
  folderButton.hidden = false;
}

function takePictures(fromFolders, others, take) {
  const pictures = fromFolders.filter(isPicture);
  take([...others, ...pictures], fromFolders.length - pictures.length);
}

function isPicture({ name, type }) {
  const extension = /\.[^.]+$/.exec(name.toLowerCase())?.[0];
  return extension ? EXTENSIONS.has(extension) : type.startsWith("image/");
}

function inOrder(name) {
  return (one, other) => one[name].localeCompare(other[name], "en", { numeric: true });
}

function listenToDrops(take) {
  const mark = (isOver) => document.body.classList.toggle("dragging", isOver);
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // or the browser would leave the page to show the file
    event.dataTransfer.dropEffect = "copy";
    mark(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  addEventListener("drop", async (event) => {
    mark(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    // All of it before the first `await`, since the list is empty afterwards.
    const dropped = [...event.dataTransfer.items]
      .filter(({ kind }) => kind === "file")
      .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
    const isFolder = ({ entry }) => entry?.isDirectory;
    const folders = dropped.filter(isFolder).map(({ entry }) => entry);
    const files = dropped.filter((each) => !isFolder(each)).map(({ file }) => file);
    takePictures((await Promise.all(folders.map(filesIn))).flat(), files, take);
  });
}

async function filesIn(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (let some; some?.length !== 0; entries.push(...some)) {
    some = await result(reader, "readEntries"); // a hundred at a time
  }
  entries.sort(inOrder("name"));
  const lists = [];
  for (const entry of entries) {
    lists.push(entry.isDirectory ? await filesIn(entry) : await result(entry, "file"));
  }
  return lists.flat();
}

// Returns what a method hands to its callback, nothing if it fails.
function result(object, method) {
  return new Promise((resolve) => object[method](resolve, () => resolve([])));
}
