// A file to the server, with its progress.

/** An empty text, or why it was not taken. */
export function upload(file: File, progress: HTMLProgressElement): Promise<string> {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", "upload");
    request.setRequestHeader("X-Name", encodeURIComponent(file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    progress.hidden = false;
    progress.value = 0;
    request.upload.onprogress = ({ loaded, total }) => (progress.value = loaded / Math.max(total, 1));
    request.onloadend = () => {
      progress.hidden = true;
      if (request.status === 200) done("");
      else done(request.responseText || "The upload was broken off: look whether the server runs, and try again; very large files are refused.");
    };
    request.send(file);
  });
}
