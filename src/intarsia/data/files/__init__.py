"""One file to arrays and back: images, masks, arrays, documents, archives."""
