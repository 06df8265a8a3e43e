// What the page knows about the reader's device.

// onMac reports whether the device has the keys of a Mac, such as ⌘ in place of Ctrl.
export function onMac() {
  return /^(mac|ip)/i.test(navigator.userAgentData?.platform ?? navigator.platform);
}

// hasKeyboard reports whether the device seems to have a keyboard. Browsers report only the
// main pointer: if it is a finger, the device is a phone or a tablet.
export function hasKeyboard() {
  return !matchMedia("(hover: none) and (pointer: coarse)").matches;
}
