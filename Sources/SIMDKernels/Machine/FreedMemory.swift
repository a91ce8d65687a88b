import CLongLM

/// Gives the system back what was freed. The C library keeps what the lists of a file took, such as the tokens of a vocabulary:
/// tens of megabytes that a process would hold as long as it runs.
package func returnFreedMemory() { longlm_return_freed_memory() }
