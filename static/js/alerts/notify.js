/**
 * The browser's own notifications. The reader is asked for permission only by
 * `requestPermission`, after a click.
 */

/** @typedef {"unsupported" | NotificationPermission} Permission */

/** @returns {Permission} */
export function permission() {
  return "Notification" in globalThis && isSecureContext ? Notification.permission : "unsupported";
}

/** @returns {Promise<Permission>} */
export async function requestPermission() {
  await Notification.requestPermission();
  return permission();
}

/**
 * Call *listener* when the permission changes in the browser's settings.
 *
 * @param {() => void} listener
 */
export async function onPermissionChange(listener) {
  try {
    const status = await navigator.permissions.query({ name: "notifications" });
    status.addEventListener("change", listener);
  } catch {
    // An older browser: the dialog reads the permission whenever it opens.
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
