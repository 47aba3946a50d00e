// Files that are chosen, dropped anywhere, or pasted; folders too.

const input = document.querySelector("#file");
const folderButton = document.querySelector("#folder");
const PICTURE = new Set(input.accept.split(","));

// Calls `take` with the files in order, and how many files of folders are no pictures.
export function listen(take) {
  const chosen = (field, isFolder) => {
    const files = [...field.files];
    field.value = ""; // so that the same files can be chosen again
    const pictures = isFolder ? inOrder(files).filter(looksLikePicture) : files;
    if (files.length) take(pictures, files.length - pictures.length);
  };
  input.addEventListener("change", () => chosen(input, false));
  offerFolders((field) => chosen(field, true));
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files, 0);
  });
  listenToDrops(take);
}

function offerFolders(chosen) {
  if (!("webkitdirectory" in input) || matchMedia("(pointer: coarse)").matches) return;
  const field = document.createElement("input");
  field.type = "file";
  field.webkitdirectory = true;
  field.addEventListener("change", () => chosen(field));
  folderButton.addEventListener("click", () => field.click());
  folderButton.hidden = false;
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
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false); // left the window
  });
  addEventListener("drop", async (event) => {
    mark(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    const { files, others } = await filesOf(event.dataTransfer);
    if (files.length || others) take(files, others);
  });
}

async function filesOf(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  // All before the first `await`, since the list is empty afterwards.
  const found = items.map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  const lists = await Promise.all(
    found.map(({ entry, file }) => (entry?.isDirectory ? walk(entry) : file ? [file] : [])),
  );
  const files = [];
  let others = 0;
  for (const [index, list] of lists.entries()) {
    const kept = found[index].entry?.isDirectory ? list.filter(looksLikePicture) : list;
    files.push(...kept);
    others += list.length - kept.length;
  }
  return { files, others };
}

async function walk(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    // A hundred at a time.
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) break;
    entries.push(...some);
  }
  entries.sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
  const lists = [];
  for (const entry of entries) {
    lists.push(entry.isDirectory ? await walk(entry) : await fileOf(entry));
  }
  return lists.flat();
}

function fileOf(entry) {
  return new Promise((resolve) => entry.file((file) => resolve([file]), () => resolve([])));
}

function inOrder(files) {
  const path = (file) => file.webkitRelativePath;
  return files.sort((one, other) => path(one).localeCompare(path(other), "en", { numeric: true }));
}

function looksLikePicture(file) {
  const extension = /\.[^.]+$/.exec(file.name.toLowerCase())?.[0];
  return PICTURE.has(extension) || (!extension && file.type.startsWith("image/"));
}
