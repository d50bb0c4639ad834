/* What was found, for a person: a line for each, and more for a queue. */
#ifndef SENTENCE_H
#define SENTENCE_H

struct file;

/* First: whether and how wide a terminal there is. */
void sentence_begin(void);
void sentence_print(const struct file *);

#endif
