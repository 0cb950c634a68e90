/* Paper is white and nothing on it opens: for the time of printing the light theme holds and all boxes are open. */
(() => {
  const root = document.documentElement;
  let theme, opened = [];
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const box of opened) box.open = true;
  });
  addEventListener("afterprint", () => {
    if (theme) root.dataset.theme = theme;
    for (const box of opened) box.open = false;
  });
})();
