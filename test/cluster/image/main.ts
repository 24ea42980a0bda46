/** `make image`: builds the image when its sources changed and loads it into the cluster that is up. */
import { ensureImage } from './image.ts';

console.log(await ensureImage());
