// Package podtest gives tests of the real program a world of their own: directories, environment, images, what this
// machine can do, and a comparison of everything the operating system holds before and after.
//
// One test process uses one World at a time: what is left running is found as descendants of the process.
package podtest
