/**
 * Dark or light, as the system says. Runs before the first paint, so it is a
 * plain script and not a module: modules wait for the document.
 */
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light";
  };
  dark.addEventListener("change", apply);
  apply();
})();
