import { seedsTest } from "./world/seeds-test.ts";

seedsTest(4);
