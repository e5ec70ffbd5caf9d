/**
 * The browser's own notifications: whether they may be shown, and showing one.
 * The reader is asked only by `ask`, upon a click.
 */

/** @typedef {"unsupported" | NotificationPermission} Permission */

/** @returns {Permission} */
export function permission() {
  return "Notification" in globalThis && isSecureContext ? Notification.permission : "unsupported";
}

/** @returns {Promise<Permission>} */
export async function ask() {
  await Notification.requestPermission();
  return permission();
}

/**
 * Be told when the reader changes their mind in the browser's own settings.
 *
 * @param {() => void} listener
 */
export async function onPermission(listener) {
  try {
    const status = await navigator.permissions.query({ name: "notifications" });
    status.addEventListener("change", listener);
  } catch {
    // An older browser: the state is looked up whenever the dialog opens.
  }
}

/**
 * Show a notification. False if it cannot be shown; one that fails later calls *failed*.
 *
 * @param {string} title
 * @param {{body: string, tag: string, icon?: string}} options with the same tag it is shown once
 * @param {() => void} failed
 */
export function notify(title, options, failed) {
  if (permission() !== "granted") return false;
  try {
    const notification = new Notification(title, options);
    notification.addEventListener("error", failed);
    notification.addEventListener("click", () => {
      window.focus();
      notification.close();
    });
    return true;
  } catch {
    return false; // Chrome on Android has the class, but not for pages
  }
}
