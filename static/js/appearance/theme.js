/**
 * Applies the reader's theme and palette before the first paint. So it is a plain
 * script and not a module: modules wait for the document.
 *
 * The styles depend on `data-bs-theme` and `data-palette` of `<html>`. A page with
 * `data-theme-fixed` keeps that theme. Without this script the system's theme is
 * used. A new choice comes as a "look" event from settings.js, or from another tab.
 */
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  /** As `read` of prefs.js, which as a module would run too late. */
  function stored(/** @type {string} */ key, /** @type {string[]} */ accepted) {
    try {
      const value = JSON.parse(localStorage.getItem(`tracker:${key}`) ?? "null");
      return accepted.includes(value) ? value : accepted[0];
    } catch {
      return accepted[0];
    }
  }

  function recall() {
    return {
      theme: stored("theme", ["system", "light", "dark"]),
      palette: stored("palette", ["green-red", "blue-orange"]),
    };
  }

  let look = recall();

  function apply() {
    const theme = root.dataset.themeFixed ?? look.theme;
    root.dataset.bsTheme = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
    root.dataset.palette = look.palette;
  }

  dark.addEventListener("change", apply);
  addEventListener("storage", () => {
    look = recall();
    apply();
  });
  document.addEventListener("look", (event) => {
    look = /** @type {CustomEvent} */ (event).detail;
    apply();
  });
  root.classList.add("js"); // shows the controls that need scripts
  apply();
})();
