// Handing in files: dropped anywhere on the card, listed with their sizes, sent with a bar of what has arrived.
(() => {
  const form = document.querySelector("form.drop");
  if (!form) return;
  const { sending, arrived, failed } = form.dataset;
  const input = form.querySelector("input[type=file]");
  const button = form.querySelector("button");
  const list = form.querySelector(".chosen");
  const bar = form.querySelector("progress");
  const words = form.querySelector("[role=status]");

  const size = (bytes) => `${(bytes / 1048576).toFixed(bytes < 1048576 ? 2 : 1)} MB`;

  const show = () => {
    list.replaceChildren(...[...input.files].map((file) => {
      const row = document.createElement("li");
      const name = document.createElement("span");
      const bytes = document.createElement("small");
      name.textContent = file.name;
      bytes.textContent = size(file.size);
      row.append(name, bytes);
      return row;
    }));
  };

  const over = (event, on) => {
    event.preventDefault();
    form.classList.toggle("over", on);
  };
  form.addEventListener("dragover", (event) => over(event, true));
  form.addEventListener("dragleave", (event) => over(event, false));
  form.addEventListener("drop", (event) => {
    over(event, false);
    if (!event.dataTransfer.files.length || button.disabled) return;
    input.files = event.dataTransfer.files;
    show();
    form.requestSubmit();
  });
  // A file dropped beside the card must not replace the page.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
  input.addEventListener("change", show);

  const ended = (text) => {
    button.disabled = false;
    bar.hidden = true;
    words.textContent = text;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (sent) => {
      if (!sent.lengthComputable) return;
      bar.max = sent.total;
      bar.value = sent.loaded;
      words.textContent = sent.loaded < sent.total
        ? sending.replace("{done}", size(sent.loaded)).replace("{total}", size(sent.total))
        : arrived;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) {
        location.assign(request.responseURL);
        return;
      }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      ended(page.querySelector("[role=alert]")?.textContent || failed);
    });
    request.addEventListener("error", () => ended(failed));
    button.disabled = true;
    bar.hidden = false;
    request.send(new FormData(form));
  });
})();
