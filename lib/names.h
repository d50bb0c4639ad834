/*
 * Link names of what the files of the library share with each other.  A program
 * that is linked statically may well have a leave() of its own; ours all begin
 * with lf_.
 */
#ifndef NAMES_H
#define NAMES_H

#define acquire lf_private_acquire
#define body_drop lf_private_body_drop
#define body_held lf_private_body_held
#define body_is_kept lf_private_body_is_kept
#define body_owner lf_private_body_owner
#define body_try lf_private_body_try
#define body_wait lf_private_body_wait
#define call_enter lf_private_call_enter
#define call_leave lf_private_call_leave
#define drop lf_private_drop
#define fcntl_lock lf_private_fcntl_lock
#define fcntl_test lf_private_fcntl_test
#define handle_close lf_private_handle_close
#define handle_enter lf_private_handle_enter
#define handle_hold lf_private_handle_hold
#define handle_open lf_private_handle_open
#define handle_untag lf_private_handle_untag
#define handle_why_not_regular lf_private_handle_why_not_regular
#define leave lf_private_leave
#define marks_choose lf_private_marks_choose
#define of_acquire lf_private_of_acquire
#define of_check lf_private_of_check
#define of_release lf_private_of_release
#define of_verify lf_private_of_verify
#define os_cancel_disable lf_private_os_cancel_disable
#define os_cancel_restore lf_private_os_cancel_restore
#define os_condition_wait lf_private_os_condition_wait
#define os_condition_wake lf_private_os_condition_wake
#define os_description_lock lf_private_os_description_lock
#define os_description_test lf_private_os_description_test
#define os_filesystem lf_private_os_filesystem
#define os_flock lf_private_os_flock
#define os_has_description_locks lf_private_os_has_description_locks
#define os_mutex_lock lf_private_os_mutex_lock
#define os_mutex_unlock lf_private_os_mutex_unlock
#define os_open lf_private_os_open
#define os_openat lf_private_os_openat
#define os_open_directory lf_private_os_open_directory
#define os_process_has_lock lf_private_os_process_has_lock
#define os_process_lock lf_private_os_process_lock
#define os_process_test lf_private_os_process_test
#define os_thread_self lf_private_os_thread_self
#define path_is_ours lf_private_path_is_ours
#define presence_alone lf_private_presence_alone
#define presence_drop lf_private_presence_drop
#define presence_join lf_private_presence_join
#define process_holds lf_private_process_holds
#define tag_drop lf_private_tag_drop
#define tag_owner lf_private_tag_owner
#define tag_try lf_private_tag_try
#define tag_wait lf_private_tag_wait
#define thread_holds_any lf_private_thread_holds_any

#endif
