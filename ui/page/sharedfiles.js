// Files that other apps shared with the page. The service worker keeps them in a cache until
// the page takes them.

const CACHE = "shared files";

// keepShared keeps the files until the page takes them.
export async function keepShared(files) {
  const cache = await caches.open(CACHE);
  for (const file of files) {
    // The cache needs a URL for each file. The URL has no meaning, but each must be different.
    await cache.put(`shared/${crypto.randomUUID()}`, new Response(file, {
      headers: { "Content-Type": file.type, Name: encodeURIComponent(file.name) },
    }));
  }
}

// takeShared returns the files that other apps shared, and deletes them from the cache.
export async function takeShared() {
  if (!globalThis.caches) { // browsers have caches only for https and for this machine
    return [];
  }
  const cache = await caches.open(CACHE);
  const files = [];
  for (const request of await cache.keys()) {
    const response = await cache.match(request);
    if (response && await cache.delete(request)) { // otherwise another window has taken the file
      const name = decodeURIComponent(response.headers.get("Name"));
      files.push(new File([await response.blob()], name, { type: response.headers.get("Content-Type") }));
    }
  }
  return files;
}
